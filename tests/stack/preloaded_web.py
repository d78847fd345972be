"""Process entry: gunicorn with our own configuration, as in the container, but for one thing: the
master has read the code before it forks, so that the successor of a killed worker is up in a third
of the time. What a worker makes of the code it makes anew; nothing but modules outlives it."""

import sys

from gunicorn.app.wsgiapp import run

import service.app

if __name__ == "__main__":
    sys.exit(run(prog=f"farebox {service.app.VERSION}"))
