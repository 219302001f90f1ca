"""The picture: scene, matter, light and view."""
