#include "structure/superpose.h"

#include <math.h>

#include "base/vector_math.h"

/* ---- frames ---- */

void hop__cross(const double a[3], const double b[3], double out[3]) {
    out[0] = a[1] * b[2] - a[2] * b[1];
    out[1] = a[2] * b[0] - a[0] * b[2];
    out[2] = a[0] * b[1] - a[1] * b[0];
}

void hop__frame_of(const double p[3], const double q[3], double rows[9]) {
    double along = sqrt(hop__dot(p, p, 3)), across, other[3] = {0.0, 0.0, 0.0};
    for (int k = 0; k < 3; k++)
        rows[k] = p[k] / along;
    for (int attempt = 0; attempt < 2; attempt++) {
        const double *in_plane = attempt ? other : q;
        const double part = hop__dot(in_plane, rows, 3);
        for (int k = 0; k < 3; k++)
            rows[3 + k] = in_plane[k] - part * rows[k];
        across = sqrt(hop__dot(rows + 3, rows + 3, 3));
        if (across > 1e-6 * along)
            break;
        int least = fabs(rows[0]) < fabs(rows[1]) ? 0 : 1;
        least = fabs(rows[least]) < fabs(rows[2]) ? least : 2;
        other[least] = along;
    }
    for (int k = 0; k < 3; k++)
        rows[3 + k] /= across;
    hop__cross(rows, rows + 3, rows + 6);
}

void hop__rotation_between(const double p[3], const double q[3], const double s[3],
                           const double t[3], bool mirrored, double r[9]) {
    double from[9], to[9];
    hop__frame_of(p, q, from);
    hop__frame_of(s, t, to);
    for (int k = 0; k < 9; k++)
        r[k] = to[k / 3] * from[k % 3] + to[3 + k / 3] * from[3 + k % 3] +
               (mirrored ? -1.0 : 1.0) * to[6 + k / 3] * from[6 + k % 3];
}

/* ---- the best rotation ---- */

/* Largest eigenvalue's vector of a symmetric 4 x 4 matrix, by Jacobi's rotations. */
static void largest_eigenvector(double m[4][4], double vector[4]) {
    double v[4][4] = {{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}};
    for (int sweep = 0; sweep < 30; sweep++) {
        double off = 0.0, on = 0.0;
        for (int i = 0; i < 4; i++)
            for (int j = 0; j < 4; j++)
                *(i == j ? &on : &off) += m[i][j] * m[i][j];
        if (off <= 1e-30 * on)
            break;
        for (int p = 0; p < 3; p++)
            for (int q = p + 1; q < 4; q++) {
                if (m[p][q] == 0.0)
                    continue;
                double theta = (m[q][q] - m[p][p]) / (2.0 * m[p][q]);
                double t = (theta < 0.0 ? -1.0 : 1.0) /
                           (fabs(theta) + sqrt(theta * theta + 1.0));
                double c = 1.0 / sqrt(t * t + 1.0), s = t * c;
                for (int k = 0; k < 4; k++) {
                    double kp = m[k][p], kq = m[k][q];
                    m[k][p] = c * kp - s * kq;
                    m[k][q] = s * kp + c * kq;
                }
                for (int k = 0; k < 4; k++) {
                    double pk = m[p][k], qk = m[q][k];
                    m[p][k] = c * pk - s * qk;
                    m[q][k] = s * pk + c * qk;
                    double vp = v[k][p], vq = v[k][q];
                    v[k][p] = c * vp - s * vq;
                    v[k][q] = s * vp + c * vq;
                }
            }
    }
    int best = 0;
    for (int k = 1; k < 4; k++)
        if (m[k][k] > m[best][best])
            best = k;
    for (int k = 0; k < 4; k++)
        vector[k] = v[k][best];
}

void hop__superpose(size_t count, const double *from, const double *onto,
                    const size_t *to, bool mirrored, double r[9]) {
    const double sign = mirrored ? -1.0 : 1.0;
    double s[9] = {0.0}, q[4];
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < 9; k++)
            s[k] += sign * from[3 * i + k / 3] * onto[3 * to[i] + k % 3];
    double matrix[4][4] = {{s[0] + s[4] + s[8], s[5] - s[7], s[6] - s[2], s[1] - s[3]},
                           {s[5] - s[7], s[0] - s[4] - s[8], s[1] + s[3], s[6] + s[2]},
                           {s[6] - s[2], s[1] + s[3], s[4] - s[0] - s[8], s[5] + s[7]},
                           {s[1] - s[3], s[6] + s[2], s[5] + s[7], s[8] - s[0] - s[4]}};
    largest_eigenvector(matrix, q);
    const double w = q[0], x = q[1], y = q[2], z = q[3];
    const double proper[9] = {w * w + x * x - y * y - z * z, 2.0 * (x * y - w * z),
                              2.0 * (x * z + w * y),         2.0 * (x * y + w * z),
                              w * w - x * x + y * y - z * z, 2.0 * (y * z - w * x),
                              2.0 * (x * z - w * y),         2.0 * (y * z + w * x),
                              w * w - x * x - y * y + z * z};
    for (int k = 0; k < 9; k++)
        r[k] = sign * proper[k];
}
