// SPDX-License-Identifier: Apache-2.0
// One parcel on its way through a client: each row becomes a message that carries a ticket, and is
// answered by what the client reports of it. What brokers refused for something in a batch is sent
// again in halves until the documents are found; what is refused goes to the topic for it.
#pragma once

#include "outputs/kafka_client.h"
#include "outputs/kafka_form.h"

// What all sendings of an output have in common.
struct kafka_sendings {
    struct kafka_form form;
    _Atomic bool ever; // a document was taken once
    _Atomic bool stopping;
    struct gate gate;      // guards what clients report
    unsigned crowded;      // guarded by it: sendings that wait for room in the client's queue
    pthread_mutex_t order; // parcels are put into the client's queue one after the other
    uint64_t turn;         // guarded by that: number of the next message
};

struct kafka_ticket { // what a message carries
    struct kafka_sending *of;
    uint32_t row;
    struct kafka_draw draw;
};

// What one thread uses again for each parcel.
struct kafka_room {
    struct kafka_ticket *tickets;
    uint8_t *outcomes; // enum kafka_outcome of each row
    uint32_t *picked;  // rows, to be sent at once
    uint32_t size;
};
// Sees to it that there is room for so many rows. False: no memory.
bool kafka_room_fits(struct kafka_room *r, uint32_t count);
void kafka_room_free(struct kafka_room *r);

struct kafka_sending {
    struct kafka_sendings *all;
    struct kafka_client *client;
    struct parcel *p;
    struct kafka_room *room; // it fits

    // From here on zero at the beginning.
    struct kafka_copy *copies;
    const char *dead_topic; // messages go there now; NULL: to where they belong
    const char *reason;     // for that
    unsigned failed;        // batches that were refused
    bool batches_too_large; // the brokers take smaller ones

    // Guarded by the gate.
    uint32_t out;                        // messages that are not reported yet
    bool got_through, missed, timed_out; // some were confirmed; some not; some of those not in time
    rd_kafka_resp_err_t error;           // the first
    uint32_t error_row;
};

// Sends the parcel and answers for each row; nothing of it is with the client any more afterwards.
void kafka_sending_run(struct kafka_sending *s);
// The client's reports come here.
bool kafka_sending_report(const rd_kafka_message_t *m);
