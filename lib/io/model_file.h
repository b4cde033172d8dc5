/* Models and checkpoints on disk: HDF5 behind a 512-byte text header with a digest.
   docs/formats.md has the layout byte for byte. */
#ifndef HOP_IO_MODEL_FILE_H
#define HOP_IO_MODEL_FILE_H

#include "base/context.h"

/* A file is a flat list of named arrays and texts, such as "model/descend/weights". */
typedef enum hop__item_type {
    HOP__ITEM_REAL,
    HOP__ITEM_INTEGER,
    HOP__ITEM_TEXT
} hop__item_type;

typedef struct hop__item {
    const char *name;    /* path in the HDF5 file */
    hop__item_type type; /* double, int64_t or char */
    size_t count;        /* numbers, or bytes of text without NUL */
    void *data;
} hop__item;

/* Build the whole file in memory, then hop__file_replace().  `kind`: "model" or
   "checkpoint". */
int hop__items_save(hop_context *context, const char *path, const char *kind,
                    const hop__item *items, size_t count);

/* A verified file held in memory. */
typedef struct hop__item_file hop__item_file;

/* Checks header, size and digest before HDF5 sees a byte. */
int hop__items_open(hop_context *context, const char *path, const char *kind,
                    hop__item_file **out);
void hop__items_close(hop__item_file *file);

/* Is there a dataset of this name? */
bool hop__items_have(hop__item_file *file, const char *name);

/* Number of elements of an item; HOP_ERROR_FORMAT when it is missing or of another type. */
int hop__items_count(hop__item_file *file, const char *name, hop__item_type type,
                     size_t *count);

/* Read exactly item->count elements into item->data (text gets no NUL); HOP_ERROR_FORMAT
   says name, expected and found shape. */
int hop__items_read(hop__item_file *file, const hop__item *item);

#endif
