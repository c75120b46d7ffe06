"""The commands: thin; parse, plan, run, print. Importing them turns JAX's 64-bit mode on."""

import jax

jax.config.update("jax_enable_x64", True)  # noqa: FBT003  JAX's own signature
