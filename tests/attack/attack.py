# SPDX-License-Identifier: Apache-2.0
"""What an attack is, and the list of all: a function of dice and a number that gives at least so many
frames, always the same ones, and the counters in which the probe says that it noticed."""
import collections
import itertools
import random

import frames

Attack = collections.namedtuple("Attack", "name make counters meaning")

ATTACKS = {}


def attack(*counters):
    """Declares one, named by its function."""
    def declare(function):
        name = function.__name__.replace("_", "-")
        ATTACKS[name] = Attack(name, function, counters, function.__doc__)
        return function
    return declare


def write(name, path, count):
    """The capture of an attack with so many frames, fewer if it ends before."""
    one = ATTACKS[name]
    made = one.make(random.Random(name), count)
    return frames.write(path, itertools.islice(made, count))
