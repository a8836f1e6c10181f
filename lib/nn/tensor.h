/* SPDX-License-Identifier: MIT
 *
 * tensor.h - the type of numbers. Products run in float; the proofs build the same code in double
 * (-DAPG_DOUBLE).
 *
 * The letters mean the same everywhere: B rows of a batch, N and M widths of a layer's input and output, D
 * width of the condition, K rank, P over-parameterization width, F fields, E embedding dimension, T rows of
 * the embedding table. All matrices are row-major; rows of activations are instances.
 */
#ifndef APG_TENSOR_H
#define APG_TENSOR_H

#ifdef APG_DOUBLE
typedef double apg_real;
#else
typedef float apg_real;
#endif

#endif
