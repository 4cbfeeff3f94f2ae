"""Distances on the globe: the one formula, as Python for SQLite and as an expression for other databases."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from .tables import images

if TYPE_CHECKING:
    from sqlite3 import Connection as SqliteConnection

    from sqlalchemy.sql.compiler import SQLCompiler

EARTH_RADIUS_M = 6_371_008.8
"""The mean radius of WGS 84's ellipsoid; distances by it are off by half a percent at most."""

_NAME = "photoseek_distance_m"


def add_functions(connection: SqliteConnection) -> None:
    """Teach a new SQLite connection what no build of it is sure to have."""
    connection.create_function(_NAME, 4, distance_m, deterministic=True)


def distance_m(latitude: float, longitude: float, to_latitude: float, to_longitude: float) -> float:
    """Return the length in metres of the great circle between two places, in degrees (haversine formula)."""
    north, east = math.radians(to_latitude - latitude), math.radians(to_longitude - longitude)
    scale = math.cos(math.radians(latitude)) * math.cos(math.radians(to_latitude))
    chord = math.sin(north / 2) ** 2 + scale * math.sin(east / 2) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(math.sqrt(min(1.0, chord)))


def is_near(latitude: float, longitude: float, within_m: float) -> sa.ColumnElement[bool]:
    """Return what is true of images with coordinates at most so far from a place, and false of all others."""
    own_latitude, own_longitude = images.c.latitude, images.c.longitude
    known = sa.and_(own_latitude.is_not(None), own_longitude.is_not(None))
    # A box first: comparing two numbers spares most rows the formula.
    reach = math.degrees(within_m / EARTH_RADIUS_M) * 1.001 + 1e-9
    box: list[sa.ColumnElement[bool]] = [own_latitude >= latitude - reach, own_latitude <= latitude + reach]
    if abs(latitude) + reach < 90:  # else a pole is within, and with it every longitude
        aside = math.degrees(math.asin(math.sin(math.radians(reach)) / math.cos(math.radians(latitude)))) + 1e-9
        west, east = longitude - aside, longitude + aside
        bands: list[sa.ColumnElement[bool]] = [own_longitude.between(west, east)]
        if west < -180:
            bands.append(own_longitude >= west + 360)
        if east > 180:
            bands.append(own_longitude <= east - 360)
        box.append(sa.or_(*bands))
    return sa.and_(known, *box, _Distance(latitude, longitude) <= within_m)


class _Distance(sa.ColumnElement[float]):
    """An image's distance from a place, in metres."""

    inherit_cache = False
    type = sa.Double()

    def __init__(self, latitude: float, longitude: float) -> None:
        own_latitude, own_longitude = images.c.latitude, images.c.longitude
        self.on_sqlite = getattr(sa.func, _NAME)(own_latitude, own_longitude, latitude, longitude)
        north = sa.func.sin(sa.func.radians(own_latitude - latitude) / 2)
        east = sa.func.sin(sa.func.radians(own_longitude - longitude) / 2)
        scale = sa.func.cos(sa.func.radians(own_latitude)) * math.cos(math.radians(latitude))
        chord = north * north + scale * east * east
        self.elsewhere = 2 * EARTH_RADIUS_M * sa.func.asin(sa.func.sqrt(sa.func.least(1.0, chord)))


@compiles(_Distance)
def _compile_elsewhere(distance: _Distance, compiler: SQLCompiler, **options: object) -> str:
    return compiler.process(distance.elsewhere, **options)


@compiles(_Distance, "sqlite")
def _compile_on_sqlite(distance: _Distance, compiler: SQLCompiler, **options: object) -> str:
    return compiler.process(distance.on_sqlite, **options)
