// SPDX-License-Identifier: Apache-2.0
// `weir version`: the program's version and the libraries it runs with.

#include <curl/curl.h>
#include <librdkafka/rdkafka.h>
#include <openssl/crypto.h>
#include <pcap/pcap.h>
#include <zlib.h>

#include "probe/cli/command.h"

static int run_version(const struct flags *flags, const char *const *words)
{
    (void)flags, (void)words;
    printf("weir %s\n%s\n%s, zlib %s\nlibrdkafka %s\n%s\n", WEIR_VERSION, pcap_lib_version(),
           OpenSSL_version(OPENSSL_VERSION), zlibVersion(), rd_kafka_version_str(), curl_version());
    return EXIT_FINE;
}

const struct command command_version = {"version", "", "print the version and its libraries",
                                        run_version};
