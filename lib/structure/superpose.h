/* Rotations that lay points on points. */
#ifndef HOP_STRUCTURE_SUPERPOSE_H
#define HOP_STRUCTURE_SUPERPOSE_H

#include <stdbool.h>
#include <stddef.h>

void hop__cross(const double a[3], const double b[3], double out[3]);

/* Rows: along p, then in the plane of p and q, then normal to it.  Where q gives no
   direction any will do. */
void hop__frame_of(const double p[3], const double q[3], double rows[9]);

/* r takes the frame of (p, q) to that of (s, t), mirrored or not. */
void hop__rotation_between(const double p[3], const double q[3], const double s[3],
                           const double t[3], bool mirrored, double r[9]);

/* The rotation, after a mirror through the origin or not, that brings each of `count` points
   `from` closest to point to[i] of `onto`, by least squares (Horn, J. Opt. Soc. Am. A 4
   (1987) 629). */
void hop__superpose(size_t count, const double *from, const double *onto,
                    const size_t *to, bool mirrored, double r[9]);

#endif
