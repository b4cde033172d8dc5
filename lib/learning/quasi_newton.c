#include "learning/quasi_newton.h"

#include <string.h>

#include "base/vector_math.h"

static void scales(const hop__qn_pairs *pairs, size_t n, double *rho, double *gamma) {
    for (size_t k = 0; k < pairs->count; k++)
        rho[k] = 1.0 / hop__dot(pairs->s[k], pairs->y[k], n);
    const double *y = pairs->y[pairs->count - 1];
    *gamma = 1.0 / (rho[pairs->count - 1] * hop__dot(y, y, n));
}

void hop__qn_direction(const hop__qn_pairs *pairs, size_t n, const double *f,
                       double *d) {
    double rho[HOP__QN_MEMORY] = {0}, alpha[HOP__QN_MEMORY], gamma;
    scales(pairs, n, rho, &gamma);
    memcpy(d, f, n * sizeof *d);
    for (size_t k = pairs->count; k-- > 0;) {
        alpha[k] = rho[k] * hop__dot(pairs->s[k], d, n);
        hop__add_scaled(d, -alpha[k], pairs->y[k], n);
    }
    for (size_t a = 0; a < n; a++)
        d[a] *= gamma;
    for (size_t k = 0; k < pairs->count; k++) {
        double beta = rho[k] * hop__dot(pairs->y[k], d, n);
        hop__add_scaled(d, alpha[k] - beta, pairs->s[k], n);
    }
}

size_t hop__qn_scratch_size(size_t n) { return (2 * HOP__QN_MEMORY + 1) * n; }

static void add(double *to, double a, const double *x, size_t n) {
    if (to)
        hop__add_scaled(to, a, x, n);
}

/* Reverse of the two loops, statement by statement; q[k] and r[k] are the vectors just
   before pair k acts in the first and the second loop. */
void hop__qn_backward(const hop__qn_pairs *pairs, size_t n, const double *f,
                      double *d_bar, double *f_bar, double *const *s_bar,
                      double *const *y_bar, double *scratch) {
    const size_t m = pairs->count;
    double rho[HOP__QN_MEMORY] = {0}, alpha[HOP__QN_MEMORY] = {0};
    double beta[HOP__QN_MEMORY] = {0}, gamma;
    double rho_bar[HOP__QN_MEMORY] = {0}, alpha_bar[HOP__QN_MEMORY] = {0};
    double *q = scratch, *r = scratch + HOP__QN_MEMORY * n,
           *work = r + HOP__QN_MEMORY * n;
    scales(pairs, n, rho, &gamma);

    memcpy(work, f, n * sizeof *work);
    for (size_t k = m; k-- > 0;) {
        memcpy(q + k * n, work, n * sizeof *work);
        alpha[k] = rho[k] * hop__dot(pairs->s[k], work, n);
        hop__add_scaled(work, -alpha[k], pairs->y[k], n);
    }
    /* `work` is now q after the first loop; r starts as gamma q */
    for (size_t k = 0; k < m; k++) {
        const double *before = k ? r + (k - 1) * n : work;
        double *now = r + k * n;
        if (k == 0)
            for (size_t a = 0; a < n; a++)
                now[a] = gamma * before[a];
        else {
            memcpy(now, before, n * sizeof *now);
            hop__add_scaled(now, alpha[k - 1] - beta[k - 1], pairs->s[k - 1], n);
        }
        beta[k] = rho[k] * hop__dot(pairs->y[k], now, n);
    }

    for (size_t k = m; k-- > 0;) {
        add(s_bar[k], alpha[k] - beta[k], d_bar, n);
        double c = hop__dot(pairs->s[k], d_bar, n);
        alpha_bar[k] = c;
        rho_bar[k] += -c * beta[k] / rho[k];
        add(y_bar[k], -c * rho[k], r + k * n, n);
        hop__add_scaled(d_bar, -c * rho[k], pairs->y[k], n);
    }
    double gamma_bar = hop__dot(work, d_bar, n);
    for (size_t a = 0; a < n; a++)
        d_bar[a] *= gamma;
    for (size_t k = 0; k < m; k++) {
        double c = alpha_bar[k] - hop__dot(pairs->y[k], d_bar, n);
        add(y_bar[k], -alpha[k], d_bar, n);
        rho_bar[k] += c * alpha[k] / rho[k];
        add(s_bar[k], c * rho[k], q + k * n, n);
        hop__add_scaled(d_bar, c * rho[k], pairs->s[k], n);
    }
    hop__add_scaled(f_bar, 1.0, d_bar, n);

    /* gamma = (s.y)/(y.y) of the newest pair; rho = 1/(s.y) */
    double yy = 1.0 / (gamma * rho[m - 1]);
    add(s_bar[m - 1], gamma_bar / yy, pairs->y[m - 1], n);
    add(y_bar[m - 1], gamma_bar / yy, pairs->s[m - 1], n);
    add(y_bar[m - 1], -2.0 * gamma_bar * gamma / yy, pairs->y[m - 1], n);
    for (size_t k = 0; k < m; k++) {
        double c = -rho[k] * rho[k] * rho_bar[k];
        add(s_bar[k], c, pairs->y[k], n);
        add(y_bar[k], c, pairs->s[k], n);
    }
}
