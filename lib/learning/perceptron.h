/* A perceptron with one hidden layer of tanh units and one output, row by row.  Plain
   arrays; for the few rows for which an LSTM would be too much.

   Weights: hidden rows of inputs + 1 (bias last), then one row of hidden + 1. */
#ifndef HOP_LEARNING_PERCEPTRON_H
#define HOP_LEARNING_PERCEPTRON_H

#include <stddef.h>

#define HOP__PERCEPTRON_HIDDEN 8

size_t hop__perceptron_parameter_count(size_t inputs);

/* The output for one row x[inputs]; `hidden` receives the activations. */
double hop__perceptron_forward(const double *weights, size_t inputs, const double *x,
                               double hidden[HOP__PERCEPTRON_HIDDEN]);

/* Add the gradient of bar * output to `weights_bar`. */
void hop__perceptron_backward(const double *weights, size_t inputs, const double *x,
                              const double hidden[HOP__PERCEPTRON_HIDDEN], double bar,
                              double *weights_bar);

#endif
