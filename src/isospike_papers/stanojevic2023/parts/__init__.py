"""What several claims of Stanojevic 2023 share."""
