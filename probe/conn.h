// SPDX-License-Identifier: Apache-2.0
// The only world a protocol sees: one conversation, its state, its settings, its transactions, the
// time. Also the face towards the flow code that feeds it. Unread bytes are kept here as one
// contiguous tail for each side.
#pragma once

#include "probe/endpoints.h"
#include "probe/protocol.h"
#include "probe/transaction.h"

// ── for protocols ──

// Who and to whom; valid as long as the conn.
const struct endpoints *conn_ends(const struct conn *c);
bool conn_is_datagram(const struct conn *c); // UDP or ICMP: feed gets whole messages
bool conn_joined_late(const struct conn *c); // no beginning was seen
bool conn_is_compat(const struct conn *c);   // write the reference's odd values

void *conn_state(struct conn *c); // conn_size bytes, zero at first
const void *conn_settings(const struct conn *c);
const struct common_settings *conn_common(const struct conn *c);
struct counters *conn_counters(struct conn *c);

// The ICMP type and code, or the transport's port, of the datagram being fed.
uint8_t conn_icmp_type(const struct conn *c);
uint8_t conn_icmp_code(const struct conn *c);

// Arrival of the byte at `offset` of the data feed was given (any offset up to its end), and of the
// newest packet.
int64_t conn_time(const struct conn *c, enum side from, uint32_t offset);
int64_t conn_now(const struct conn *c);
// Bytes of the datagram on the wire that were not captured; 0 for streams (there they are a gap).
uint32_t conn_cut(const struct conn *c);

// Scratch that is void after this call into the protocol.
struct arena *conn_scratch(struct conn *c);

// The verbs. Each takes effect when the call into the protocol returns.
void conn_done(struct conn *c);    // seen enough: no more calls, open transactions are published
void conn_give_up(struct conn *c); // it stopped making sense: as done, but counted
void conn_turn(struct conn *c);    // the sides were guessed wrong: CLIENT is SERVER from here on
// Another protocol from the next byte on: all that is unread is shown to it, open transactions are
// published first. "" detects whose those bytes are. When nobody is found the conn is done; so it
// is under compat, for the reference knows a conn by its port alone.
void conn_become(struct conn *c, const char *protocol);
// These bytes belong to a conn inside this one (TLS with keys, CONNECT, PROXY header). It is
// detected by the first ones, is told what ends this one, and has no successor once it is over.
void conn_inner(struct conn *c, enum side from, struct span data);

// Something that outlives transactions (prepared statements): at most `remembered` entries of at
// most `kept_bytes` each, the oldest leaves, counted. The bytes are copied; a view on them is valid
// until the next conn_remember or conn_forget. Empty: not there.
void conn_remember(struct conn *c, uint64_t key, struct span bytes);
struct span conn_recall(struct conn *c, uint64_t key);
void conn_forget(struct conn *c, uint64_t key);

// ── for the flow code ──

struct conns_settings {
    int64_t conns;               // open at once in one worker
    int64_t transactions;        // open at once in one worker
    int64_t transactions_a_conn; // questions that wait in one conn
    int64_t transaction_bytes;   // kept for one transaction
    int64_t kept_bytes;          // unread bytes of one side of one conn
    int64_t kept_bytes_all;      // of all conns of a worker; and of all stores of transactions
    int64_t remembered;          // entries of conn_remember in one conn
    int64_t halves_a_packet;     // unpaired transactions that each feed pays for
    int64_t halves_reserve;      // how many more may be published, in one worker
    int64_t unpaid_a_conn;       // transactions in a row that find nothing left, in one stream
};
extern const struct setting conns_settings[];

struct emit;
struct conns; // all conns of a worker: pools, transactions, timers

struct conns *conns_new(const struct conns_settings *settings, struct emit *emit, uint64_t seed,
                        struct counters *counters, struct error *why);
void conns_free(struct conns *all);

// Bytes that they may come to with these protocols.
int64_t conns_memory(const struct conns_settings *settings, const struct binding *const *bindings,
                     int count);

// The protocols that conn_become and conn_inner may find, by name or by content. The array lives
// until the end.
void conns_offer(struct conns *all, const struct binding *const *bindings, int count);
// Whose first bytes these look like, among the offered that run over `transport`; NULL: nobody's.
const struct binding *conns_detect(const struct conns *all, enum transport transport,
                                   struct span first, enum side from);

// Opens a conn for `binding`; the endpoints are copied. Never NULL: at the ceiling the conn that
// was quiet longest ends. `ended` is called, once, whenever the conn goes away other than by the
// owner's own conn_end or conn_release (protocol done, gap, both sides finished, ceiling): the
// owner forgets it then. That may happen in any call about any other conn. After ENDED_GAP and
// ENDED_EVICTED a new one may be opened for what follows; after ENDED_DONE nobody wants the rest.
typedef void conn_ended(void *owner, struct conn *c, enum ending how);
struct conn *conn_open(struct conns *all, const struct binding *binding,
                       const struct endpoints *ends, bool joined_late, conn_ended *ended,
                       void *owner);

// In-order bytes of one side of a stream, or one datagram; `data` is valid during the call only.
// False: the conn ended.
struct arrival {
    int64_t time;
    uint32_t cut; // bytes not captured behind a datagram
    uint8_t icmp_type, icmp_code;
};
bool conn_feed(struct conn *c, enum side from, struct span data, const struct arrival *arrival);
// `missing` bytes of a stream never came. False: the conn ended (its protocol has no gap function).
bool conn_gap(struct conn *c, enum side from, uint32_t missing, int64_t time);
// One side is finished (FIN). False: the conn ended.
bool conn_half_end(struct conn *c, enum side from, enum ending how, int64_t time);
// Ends the conn: both sides are told, open transactions published.
void conn_end(struct conn *c, enum ending how);

// True while transactions are open or something is kept, remembered or inside: a datagram conn
// without them may be let go (conn_release, silently).
bool conn_is_waiting(const struct conn *c);
void conn_release(struct conn *c);

// Moves the packets' clock, never back: transactions that are due end. Bounded by what is due.
void conns_age(struct conns *all, int64_t now);
// Ends everything, oldest first (end of a file, stop), and lets the clock begin anew.
void conns_end_all(struct conns *all, enum ending how);
