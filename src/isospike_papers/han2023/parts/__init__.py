"""What several claims of Han et al. 2023 share."""
