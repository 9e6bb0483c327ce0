"""What several claims of Lu & Xu 2022 share."""
