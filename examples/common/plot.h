/* A plot of mean best energy against evaluations, as SVG. */
#ifndef EXAMPLES_PLOT_H
#define EXAMPLES_PLOT_H

#include <stddef.h>

typedef struct plot_curve {
    const char *label;
    size_t points;
    const double *x, *mean, *error; /* error: half height of the band */
} plot_curve;

/* Log x axis; exits with 1 when the file cannot be written. */
void plot_write(const char *path, const char *title, int runs, const plot_curve *curves,
                size_t count);

#endif
