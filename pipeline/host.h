// SPDX-License-Identifier: Apache-2.0
// What is known of this machine: its system, its id, its addresses.
#pragma once

#include "pipeline/base/text.h"

enum { HOST_TEXT = 128, HOST_ADDRESSES = 64 };

struct host {
    char hostname[HOST_TEXT], architecture[HOST_TEXT], kernel[HOST_TEXT];
    char id[HOST_TEXT]; // of /etc/machine-id; empty: none
    char os_platform[HOST_TEXT], os_name[HOST_TEXT], os_version[HOST_TEXT], os_codename[HOST_TEXT];
    const char *os_family; // "debian"; "" unknown
    bool is_container;
    struct ip ip[HOST_ADDRESSES]; // of all interfaces that are up, loopback left out
    int ip_count;
    uint8_t mac[HOST_ADDRESSES][6];
    int mac_count;
};

// Reads it anew; what cannot be had stays empty. Takes some hundred microseconds.
void host_read(struct host *h);
