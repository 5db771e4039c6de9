"""A list of objects replaced by a table in memory: the same code, 12 bytes a record."""

import random

import drystone as ds

Point = ds.make_record("Point", "x y z", ds.i32)

points = ds.Table(Point)
for i in range(100_000):
    points.append(Point(i, i % 7, 0))
for point in points[:5]:
    point.z = point.x + point.y
random.seed(1)
random.shuffle(points)
points.sort(key="x")
points[0].z = 5
top = max(points, key=lambda p: (p.y, p.x))
print(len(points), points[0], top, points.x.sum(), points.where("y = 3").count())
