#include "learning/perceptron.h"

#include "base/vector_math.h"

#define HIDDEN HOP__PERCEPTRON_HIDDEN

size_t hop__perceptron_parameter_count(size_t inputs) {
    return HIDDEN * (inputs + 1) + HIDDEN + 1;
}

double hop__perceptron_forward(const double *weights, size_t inputs, const double *x,
                               double hidden[HIDDEN]) {
    const double *out = weights + HIDDEN * (inputs + 1);
    double sum = out[HIDDEN];
    for (size_t h = 0; h < HIDDEN; h++) {
        const double *row = weights + h * (inputs + 1);
        double in = row[inputs];
        for (size_t k = 0; k < inputs; k++)
            in += row[k] * x[k];
        hidden[h] = hop__tanh(in);
        sum += out[h] * hidden[h];
    }
    return sum;
}

void hop__perceptron_backward(const double *weights, size_t inputs, const double *x,
                              const double hidden[HIDDEN], double bar,
                              double *weights_bar) {
    const double *out = weights + HIDDEN * (inputs + 1);
    double *out_bar = weights_bar + HIDDEN * (inputs + 1);
    out_bar[HIDDEN] += bar;
    for (size_t h = 0; h < HIDDEN; h++) {
        double *row = weights_bar + h * (inputs + 1);
        double in_bar = bar * out[h] * (1.0 - hidden[h] * hidden[h]);
        out_bar[h] += bar * hidden[h];
        for (size_t k = 0; k < inputs; k++)
            row[k] += in_bar * x[k];
        row[inputs] += in_bar;
    }
}
