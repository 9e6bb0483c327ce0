"""What claims of several papers share: data sets as they are divided, and recipes of training."""
