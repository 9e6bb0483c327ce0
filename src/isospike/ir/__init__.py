"""The intermediate representation: a graph of affine maps, routes and rectifiers."""
