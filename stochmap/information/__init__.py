"""Information in nats: of known tables, of chains, and from counts, with simulated intervals. 1 nat = 1.442695 bit."""

from ._capacity import Capacity as Capacity
from ._capacity import capacity as capacity
from ._chains import entropy_rate as entropy_rate
from ._chains import stationary_distribution as stationary_distribution
from ._entropies import conditional_entropy as conditional_entropy
from ._entropies import entropy as entropy
from ._entropies import mutual_information as mutual_information
from ._estimates import Entropies as Entropies
from ._estimates import miller_madow as miller_madow
from ._estimates import mutual_information_bias as mutual_information_bias
from ._estimates import plug_in as plug_in
from ._estimates import posterior_mean as posterior_mean
from ._independence import IndependenceTest as IndependenceTest
from ._independence import independence_test as independence_test
from ._interval import UNDERSAMPLED as UNDERSAMPLED
from ._interval import InformationInterval as InformationInterval
from ._interval import interval as interval
from ._interval import posterior_draws as posterior_draws
from ._interval import posterior_interval as posterior_interval
from ._quantities import QUANTITIES as QUANTITIES
