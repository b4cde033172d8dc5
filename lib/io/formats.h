/* Files of one structure: VASP's POSCAR and LAMMPS' data files. */
#ifndef HOP_IO_FORMATS_H
#define HOP_IO_FORMATS_H

#include "base/text.h"
#include "structure/structure.h"

/* `name` is for messages. */
int hop__poscar_read(hop_context *context, const char *name, const char *text,
                     size_t size, hop_structure **out);
int hop__poscar_add(hop_context *context, hop__text *text, const hop_structure *s);

int hop__lammps_read(hop_context *context, const char *name, const char *text,
                     size_t size, hop_structure **out);
int hop__lammps_add(hop_context *context, hop__text *text, const hop_structure *s);

/* Numbers of all lines that are read alike, here and in extended XYZ. */
#define HOP__MAX_ATOMS 10000000

#endif
