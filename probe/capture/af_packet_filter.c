// SPDX-License-Identifier: Apache-2.0
// libpcap compiles the filter; ours is what stands in front of it. Jumps of classic BPF are
// relative, so programs may simply follow one another:
//
//   a frame that this host sends to itself counts once │ cards │ filter, ends with the snap length
//   or goes on with what cuts │
//
// A cooked filter is compiled for headers of kind SLL and then turned to what the kernel knows
// beside the frame: the protocol, and where the network header begins.
#include "probe/capture/af_packet_filter.h"

#include <linux/if_packet.h>
#include <net/if_arp.h>
#include <pcap/pcap.h>

enum { SLL_HEADER = 16, SLL_PROTOCOL = 14, SLL_KIND = 0 };

// ── the user's part ──

// Filters that speak of VLANs depend on where the kernel keeps the tag.
static pcap_t *open_live(int snaplen, bool cooked, struct error *why)
{
    char text[PCAP_ERRBUF_SIZE] = "";
    pcap_t *live = pcap_create(cooked ? "any" : "lo", text);
    if (live && pcap_set_snaplen(live, snaplen) == 0 &&
        pcap_set_buffer_size(live, 64 * 1024) == 0 && pcap_activate(live) >= 0)
        return live;
    error_set(why, "filter with VLANs: %.200s", live ? pcap_geterr(live) : text);
    if (live)
        pcap_close(live);
    return NULL;
}

static pcap_t *open_dead(int snaplen, bool cooked, struct error *why)
{
    pcap_t *dead = pcap_open_dead(cooked ? DLT_LINUX_SLL : DLT_EN10MB, snaplen);
    if (!dead)
        error_set(why, "filter: out of memory");
    return dead;
}

static bool loads_packet(const struct sock_filter *f)
{
    unsigned class = BPF_CLASS(f->code), mode = BPF_MODE(f->code);
    return (class == BPF_LD && (mode == BPF_ABS || mode == BPF_IND)) ||
           (class == BPF_LDX && mode == BPF_MSH);
}

// False: it asks for a part of the cooked header that frames of cards do not have.
static bool uncook(struct sock_filter *f)
{
    if (!loads_packet(f) || (int32_t)f->k < 0)
        return true;
    if (f->k >= SLL_HEADER)
        f->k = f->k - SLL_HEADER + (uint32_t)SKF_NET_OFF;
    else if (f->k == SLL_PROTOCOL)
        f->k = (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL);
    else if (f->k == SLL_KIND)
        f->k = (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE);
    else
        return false;
    return true;
}

static bool keep(struct filter *f, const char *text, const struct bpf_program *compiled,
                 bool cooked, struct error *why)
{
    if (compiled->bf_len > sizeof f->at / sizeof *f->at)
        return error_set(why, "filter \"%.200s\" is too long", text);
    for (f->count = 0; f->count < (int)compiled->bf_len; f->count++) {
        const struct bpf_insn *from = &compiled->bf_insns[f->count];
        f->at[f->count] = (struct sock_filter){from->code, from->jt, from->jf, from->k};
        if (cooked && !uncook(&f->at[f->count]))
            return error_set(why, "filter \"%.200s\" asks for what only Ethernet has", text);
    }
    return true;
}

bool filter_compile(struct filter *f, const char *text, int snaplen, bool cooked, struct error *why)
{
    f->at[0] = (struct sock_filter){.code = BPF_RET | BPF_K, .k = (uint32_t)snaplen};
    f->count = 1;
    f->snaplen = (uint32_t)snaplen;
    if (!text || !text[0])
        return true;
    bool live = strstr(text, "vlan") != NULL;
    pcap_t *handle = (live ? open_live : open_dead)(snaplen, cooked, why);
    if (!handle)
        return false;
    struct bpf_program compiled;
    bool good = pcap_compile(handle, &compiled, text, 1, PCAP_NETMASK_UNKNOWN) == 0;
    if (!good) {
        error_set(why, "filter \"%.200s\": %.200s%s", text, pcap_geterr(handle),
                  cooked ? " (not all these cards are Ethernet)" : "");
    } else {
        good = keep(f, text, &compiled, cooked, why);
        pcap_freecode(&compiled);
    }
    pcap_close(handle);
    return good;
}

// ── the whole ──

struct program {
    struct sock_filter *at;
    int count;
};

static void put(struct program *p, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
    p->at[p->count++] = (struct sock_filter){code, jt, jf, k};
}

// The loopback shows each frame as it goes and as it comes.
static void put_loopback(struct program *p)
{
    put(p, BPF_LD | BPF_B | BPF_ABS, 0, 0, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE));
    put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 3, PACKET_OUTGOING);
    put(p, BPF_LD | BPF_H | BPF_ABS, 0, 0, (uint32_t)(SKF_AD_OFF + SKF_AD_HATYPE));
    put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, ARPHRD_LOOPBACK);
    put(p, BPF_RET | BPF_K, 0, 0, 0);
}

static void put_cards(struct program *p, const uint32_t *cards, int count)
{
    put(p, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)(SKF_AD_OFF + SKF_AD_IFINDEX));
    for (int i = 0; i < count; i++)
        put(p, BPF_JMP | BPF_JEQ | BPF_K, (uint8_t)(count - i), 0, cards[i]);
    put(p, BPF_RET | BPF_K, 0, 0, 0);
}

// Whoever was let in by the filter comes here.
static void put_cut(struct program *p, int filter, const struct filter *f, const struct cut *cut)
{
    for (int i = filter; i < p->count; i++)
        if (p->at[i].code == (BPF_RET | BPF_K) && p->at[i].k)
            p->at[i] = (struct sock_filter){BPF_JMP | BPF_JA, 0, 0, (uint32_t)(p->count - i - 1)};
    p->count += cut_program(p->at + p->count, cut, f->snaplen);
}

int filter_program(struct sock_filter into[FILTER_PROGRAM], const struct filter *f,
                   const uint32_t *cards, int card_count, const struct cut *cut)
{
    struct program p = {.at = into};
    put_loopback(&p);
    if (cards)
        put_cards(&p, cards, card_count);
    int filter = p.count;
    memcpy(into + filter, f->at, (size_t)f->count * sizeof *f->at);
    p.count += f->count;
    if (cut && cut->slices)
        put_cut(&p, filter, f, cut);
    return p.count;
}
