"""The start page of the local stack, at `/` of the simulators. It calls the service from another
origin, as an app's page does. No image that is deployed contains it."""
