"""Table of contents: the living page of a network, and the server behind it."""

from isospike.explore.apart import read_apart as read_apart
from isospike.explore.drawing import image as image
from isospike.explore.drawing import thumbnails as thumbnails
from isospike.explore.neuron import explained as explained
from isospike.explore.scene import Scene as Scene
from isospike.explore.scene import play as play
from isospike.explore.scene import warm as warm
from isospike.explore.server import app as app
from isospike.explore.server import serve as serve
from isospike.explore.settings import Settings as Settings
from isospike.explore.subject import Subject as Subject
