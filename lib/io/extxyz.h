/* Extended XYZ, frame by frame, and with keys of our own in the comment lines. */
#ifndef HOP_IO_EXTXYZ_H
#define HOP_IO_EXTXYZ_H

#include "base/text.h"
#include "structure/structure.h"

/* The next frame; HOP_END when only blank lines are left.  `comment`: its second line, may
   be NULL. */
int hop__extxyz_next(hop_context *context, hop__lines *lines, hop_structure **out,
                     hop__span *comment);

/* The value of a key in a comment line; false when there is none. */
bool hop__extxyz_value(hop__span comment, const char *key, hop__span *value);

/* Was it the end of the text that made hop__extxyz_next() fail? */
bool hop__extxyz_is_torn(const hop__lines *lines, int status);

/* Frame number `wanted` of a whole file, counted from the end when negative. */
int hop__extxyz_read(hop_context *context, const char *path, const char *text,
                     size_t size, int64_t wanted, hop_structure **out);

/* Add a frame to `text`.  `extra`: more "key=value" for the comment line, or NULL.  `mask`:
   move_mask, the last column, also where nothing is fixed: then no number stands at the
   end of a row, and a row that was cut short shows it. */
int hop__extxyz_add(hop_context *context, hop__text *text, const hop_structure *s,
                    size_t frame, const char *extra, bool mask);

#endif
