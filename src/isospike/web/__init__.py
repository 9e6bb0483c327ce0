"""Table of contents: what pages are made of."""

from isospike.web.chart import Chart as Chart
from isospike.web.chart import packed as packed
from isospike.web.static import embedded as embedded
from isospike.web.static import static as static
