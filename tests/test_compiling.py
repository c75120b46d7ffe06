"""The options of XLA are those of the JAX that is installed: one that it has renamed would be left out in silence."""

from stochmap import compiling


def test_all_options_are_known_here():
    assert compiling.wide_integers() == compiling._WIDE_INTEGERS
    assert compiling.short_loops() == compiling._SHORT_LOOPS
    assert compiling.quickly_compiled(1) == {"xla_backend_optimization_level": 1, **compiling._QUICKLY_COMPILED}


def test_an_option_of_another_xla_is_left_out():
    known = {"xla_backend_optimization_level": 2}
    assert compiling._known({**known, "xla_cpu_no_such_option": 1, "xla_cpu_prefer_vector_width": "wide"}) == known
