// SPDX-License-Identifier: Apache-2.0
// The distance is that of optimal string alignment: letters added, left out, replaced, or two
// neighbours changed round. Three rows of the matrix are enough.
#include "config/nearest.h"

#include <stdbool.h>
#include <string.h>

enum { LONGEST = 64 }; // characters of a word that is compared

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

static int distance(const char *a, const char *b)
{
    int rows[3][LONGEST + 1];
    int *before = rows[0], *above = rows[1], *row = rows[2];
    int width = (int)strlen(b);
    for (int j = 0; j <= width; j++)
        above[j] = j;
    for (int i = 1; a[i - 1]; i++) {
        row[0] = i;
        for (int j = 1; j <= width; j++) {
            int replaced = above[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = smaller(replaced, smaller(above[j], row[j - 1]) + 1);
            bool changed_round = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (changed_round)
                row[j] = smaller(row[j], before[j - 2] + 1);
        }
        int *oldest = before;
        before = above;
        above = row;
        row = oldest;
    }
    return above[width];
}

void nearest_try(struct nearest *n, const char *word)
{
    size_t len = strlen(n->wanted);
    if (len > LONGEST || strlen(word) > LONGEST)
        return;
    int d = distance(n->wanted, word);
    if (d > 3 || d > (int)(len / 3) || (n->word && d >= n->distance))
        return;
    n->word = word;
    n->distance = d;
}
