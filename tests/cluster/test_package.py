"""What importing the package costs, what it offers, and what its deployment files say."""

import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import yaml
from packaging.requirements import Requirement

import cluster

CHECKOUT = Path(__file__).resolve().parents[2]


def test_importing_it_loads_neither_ray_nor_anything_numerical(child_environment):
    code = "import sys, cluster; print(sorted({'ray', 'jax', 'numpy', 'stochmap'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=child_environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_public_names_are_the_listed_ones():
    names = {
        name for name, value in vars(cluster).items() if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert names == set(cluster.__all__)


def test_the_runtime_environment_installs_what_the_project_needs_beside_ray():
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    environment = yaml.safe_load((CHECKOUT / "cluster" / "runtime_env.yaml").read_text())
    needed = {Requirement(text) for text in project["dependencies"]}
    assert {Requirement(text) for text in environment["pip"]} == {each for each in needed if each.name != "ray"}


def test_the_runtime_environment_ships_the_checkout_without_outputs():
    environment = yaml.safe_load((CHECKOUT / "cluster" / "runtime_env.yaml").read_text())
    assert set(environment["excludes"]) == set(cluster._session._NOT_SHIPPED)


def test_the_kubernetes_job_has_the_same_environment():
    environment = yaml.safe_load((CHECKOUT / "cluster" / "runtime_env.yaml").read_text())
    job = yaml.safe_load((CHECKOUT / "cluster" / "rayjob.yaml").read_text())
    assert yaml.safe_load(job["spec"]["runtimeEnvYAML"])["pip"] == environment["pip"]
