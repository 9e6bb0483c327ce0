"""Stanojevic 2023.

Exact mappings of ReLU networks to networks that answer by the time of first spikes (A. Stanojevic, thesis, ch. 2),
their training and fine-tuning (ch. 3), and single-spike networks that answer early (app. A.1). Networks are narrower
than the thesis', trained on fewer images, for fewer epochs and from fewer seeds; `--size full` has its configurations.
CIFAR-10 takes the place of CIFAR-100 and Places365, whose rows stand empty where the data are missing."""
