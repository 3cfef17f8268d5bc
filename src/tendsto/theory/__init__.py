"""Theorems as objects: assumptions in, admissible step sizes and a bound at every k out."""

from tendsto.theory.adam_regret import AdamRegret as AdamRegret
from tendsto.theory.find import find as find
from tendsto.theory.find import missing as missing
from tendsto.theory.gradient_descent import GDConvex as GDConvex
from tendsto.theory.gradient_descent import GDPolyakLojasiewicz as GDPolyakLojasiewicz
from tendsto.theory.gradient_descent import GDSmooth as GDSmooth
from tendsto.theory.gradient_descent import GDSmoothExact as GDSmoothExact
from tendsto.theory.gradient_descent import GDStronglyConvex as GDStronglyConvex
from tendsto.theory.gradient_descent import GDStronglyConvexDistance as GDStronglyConvexDistance
from tendsto.theory.nesterov import NesterovConvex as NesterovConvex
from tendsto.theory.nesterov import NesterovStronglyConvex as NesterovStronglyConvex
from tendsto.theory.stochastic_gradient import SGDConvex as SGDConvex
from tendsto.theory.stochastic_gradient import SGDConvexDecreasing as SGDConvexDecreasing
from tendsto.theory.stochastic_gradient import SGDPolyakLojasiewicz as SGDPolyakLojasiewicz
from tendsto.theory.stochastic_gradient import SGDSmooth as SGDSmooth
from tendsto.theory.stochastic_gradient import SGDStronglyConvex as SGDStronglyConvex
