/* The weights of a learned optimizer and their card. */
#ifndef HOP_LEARNING_MODEL_H
#define HOP_LEARNING_MODEL_H

#include "learning/lstm.h"

struct hop_model {
    hop_context *context;
    hop__lstm_shape descend; /* shape of the descent network */
    double *parameters;      /* its weights, hop__lstm_parameter_count() of them */
    size_t parameter_count;
    char *note;
    atomic_size_t references;
};

hop_model *hop__model_retain(hop_model *model);

#endif
