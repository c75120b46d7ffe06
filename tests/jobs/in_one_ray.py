"""Several commands in one Ray: `python in_one_ray.py '[["recover", "--out", …], …]'` prints what each did, as JSON."""

import contextlib
import io
import json
import sys

import commands

from cluster import RayExecutor

found = []
with RayExecutor(4):
    for job, *arguments in json.loads(sys.argv[1]):
        output, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            code = commands.call(job, *arguments)
        found.append({"code": code, "output": output.getvalue(), "errors": errors.getvalue()})
print(json.dumps(found))
