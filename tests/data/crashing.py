"""A worker's task that ends its process on some recordings, as a decoder's crash or the kernel would."""

import os
import signal

from melgan_vc.data import units, workers

plain, do = units.append, workers.do_in_worker


def append(file, recording, meter):
    if "deadly" in recording.path.name:
        os.kill(os.getpid(), signal.SIGKILL)
    return plain(file, recording, meter)


def do_in_worker(*given):
    units.append = append
    return do(*given)
