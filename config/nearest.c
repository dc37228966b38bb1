// SPDX-License-Identifier: Apache-2.0
// The distance is that of optimal string alignment: letters added, left out, replaced, or two
// neighbours changed round. Three rows of the matrix are enough.
#include "config/nearest.h"

enum { LONGEST = 64 }; // bytes of a word that is compared

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

static int distance(struct span a, struct span b)
{
    int rows[3][LONGEST + 1];
    int *before = rows[0], *above = rows[1], *row = rows[2];
    for (int j = 0; j <= (int)b.len; j++)
        above[j] = j;
    for (int i = 1; i <= (int)a.len; i++) {
        row[0] = i;
        for (int j = 1; j <= (int)b.len; j++) {
            int replaced = above[j - 1] + (a.at[i - 1] != b.at[j - 1]);
            row[j] = smaller(replaced, smaller(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a.at[i - 1] == b.at[j - 2] && a.at[i - 2] == b.at[j - 1])
                row[j] = smaller(row[j], before[j - 2] + 1);
        }
        int *oldest = before;
        before = above;
        above = row;
        row = oldest;
    }
    return above[b.len];
}

void nearest_try(struct nearest *n, struct span word)
{
    if (n->wanted.len > LONGEST || word.len > LONGEST)
        return;
    int d = distance(n->wanted, word);
    if (d > 3 || d > (int)n->wanted.len / 3 || (n->word.len && d >= n->distance))
        return;
    n->word = word;
    n->distance = d;
}
