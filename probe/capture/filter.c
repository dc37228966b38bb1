// SPDX-License-Identifier: Apache-2.0
// Whether a filter in libpcap's language makes sense: compiled for Ethernet and thrown away, so
// that a mistyped one is refused before anything is opened. Files are never filtered.
#include <pcap/pcap.h>

#include "probe/frame.h"

bool filter_check(const char *filter, struct error *why)
{
    if (!filter || !filter[0])
        return true;
    pcap_t *dead = pcap_open_dead(DLT_EN10MB, 65535);
    if (!dead)
        return error_set(why, "filter \"%.200s\": out of memory", filter);
    struct bpf_program program;
    bool good = pcap_compile(dead, &program, filter, 1, PCAP_NETMASK_UNKNOWN) == 0;
    if (good)
        pcap_freecode(&program);
    else
        error_set(why, "filter \"%.200s\": %.200s", filter, pcap_geterr(dead));
    pcap_close(dead);
    return good;
}
