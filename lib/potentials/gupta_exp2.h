/* 2^(k/16), k = 0 ... 15, with k taken from the exponent's side: 48 places up from the
   last bit of k, so that adding all of k there gives 2^(k/16) for any k. */
#ifndef HOP_POTENTIALS_GUPTA_EXP2_H
#define HOP_POTENTIALS_GUPTA_EXP2_H

/* 1.5 * 2^52 / 16: adding it rounds to a multiple of 1/16 and puts k into the last bits
 */
#define HOP__EXP2_MAGIC 0x1.8p48

static const double hop__exp2_table[16] = {
    0x1.0000000000000p+0, 0x1.fb5586cf9890fp-1, 0x1.f72b83c7d517bp-1,
    0x1.f387a6e756238p-1, 0x1.f06fe0a31b715p-1, 0x1.edea64c123422p-1,
    0x1.ebfdad5362a27p-1, 0x1.eab07dd485429p-1, 0x1.ea09e667f3bcdp-1,
    0x1.ea11473eb0187p-1, 0x1.eace5422aa0dbp-1, 0x1.ec49182a3f090p-1,
    0x1.ee89f995ad3adp-1, 0x1.f199bdd85529cp-1, 0x1.f5818dcfba487p-1,
    0x1.fa4afa2a490dap-1,
};

#endif
