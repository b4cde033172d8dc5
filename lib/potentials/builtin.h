/* The parameter files of potentials/, compiled into the library by the Makefile. */
#ifndef HOP_POTENTIALS_BUILTIN_H
#define HOP_POTENTIALS_BUILTIN_H

#include <stddef.h>

typedef struct hop__builtin {
    const char *name;
    const char *text;
    size_t size;
} hop__builtin;

extern const hop__builtin hop__builtins[]; /* ends with a NULL name; generated */

#endif
