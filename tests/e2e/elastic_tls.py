#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""TLS to Elasticsearch: every setting of `ssl` with a server that fits it and one that does not.

  elastic_tls.py [CASE]
"""
import base64
import contextlib
import hashlib
import os
import pathlib
import shutil
import ssl
import subprocess
import sys
import tempfile

import elastic
import fake_es
import probe
from probe import want

DAYS = ["-days", "30"]


def openssl(*words, given=None):
    done = subprocess.run(["openssl", *map(str, words)], input=given, capture_output=True)
    want(done.returncode == 0, f"openssl {words[0]}: {done.stderr.decode()[-300:]}")
    return done.stdout


class Papers:
    """Two authorities, and what they signed."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        for name in ("ca", "other"):
            openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self[f"{name}.key"],
                    "-out", self[f"{name}.crt"], "-subj", f"/CN=Weir {name}", *DAYS,
                    "-addext", "basicConstraints=critical,CA:TRUE")
        self.sign("server", "subjectAltName=IP:127.0.0.1")
        self.sign("elsewhere", "subjectAltName=DNS:elsewhere.example")
        self.sign("nameless", "extendedKeyUsage=serverAuth", "127.0.0.1")
        self.sign("client", "extendedKeyUsage=clientAuth")
        openssl("rsa", "-aes256", "-passout", "pass:open sesame", "-in", self["client.key"],
                "-out", self["locked.key"])

    def __getitem__(self, name):
        return self.folder / name

    def sign(self, name, extension, common="weir"):
        """The chain, as some servers send it, holds the authority, too."""
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", self[f"{name}.key"],
                "-out", self[f"{name}.csr"], "-subj", f"/CN={common}")
        self["extension"].write_text(extension + "\n")
        openssl("x509", "-req", "-in", self[f"{name}.csr"], "-CA", self["ca.crt"], "-CAkey",
                self["ca.key"], "-CAcreateserial", "-out", self[f"{name}.crt"], "-extfile",
                self["extension"], *DAYS)
        self[f"{name}.chain"].write_text(self[f"{name}.crt"].read_text() + self["ca.crt"].read_text())

    def fingerprint(self, name):
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(self[name].read_text())).hexdigest()

    def pin(self, name):
        key = openssl("x509", "-in", self[name], "-pubkey", "-noout")
        der = openssl("pkey", "-pubin", "-outform", "der", given=key)
        return base64.b64encode(hashlib.sha256(der).digest()).decode()


@contextlib.contextmanager
def serving(papers, name="server", demands=False, only=None, **more):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(papers[f"{name}.chain"], papers[f"{name}.key"])
    if demands:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(papers["ca.crt"])
    if only:
        context.minimum_version = context.maximum_version = only
    with elastic.served(tls=context, **more) as fake:
        yield fake


def tried(fake, settings):
    """What `test output` says."""
    with elastic.place() as folder:
        config = elastic.configuration(folder, [fake.url], {"ssl": settings})
        done = subprocess.run([probe.WEIR, "test", "output", "-c", config], capture_output=True,
                              text=True, timeout=60)
        return done.returncode, done.stdout + done.stderr


def fine(fake, **settings):
    code, said = tried(fake, settings)
    want(code == 0 and "product: Elasticsearch" in said, f"{settings}: {said}")
    return said


def refused(fake, words, **settings):
    code, said = tried(fake, settings)
    want(code != 0, f"{settings} was taken: {said}")
    want(words in said, f"{settings}: no «{words}» in {said}")


def case_authorities(papers):
    with serving(papers) as fake:
        fine(fake, certificate_authorities=[str(papers["ca.crt"])])
        fine(fake, certificate_authorities=[papers["ca.crt"].read_text()])
        fine(fake, certificate_authorities=[str(papers["other.crt"]), str(papers["ca.crt"])])
        refused(fake, "see ssl.certificate_authorities")
        refused(fake, "see ssl.certificate_authorities",
                certificate_authorities=[str(papers["other.crt"])])
        refused(fake, "cannot read", certificate_authorities=["/nowhere.crt"])
        refused(fake, "there is no PEM", certificate_authorities=["/etc/hostname"])


def case_verification_modes(papers):
    ca = {"certificate_authorities": [str(papers["ca.crt"])]}
    with serving(papers, "elsewhere") as fake:
        refused(fake, "see ssl.certificate_authorities and ssl.verification_mode", **ca)
        fine(fake, verification_mode="certificate", **ca)
        refused(fake, "see ssl.", verification_mode="certificate",
                certificate_authorities=[str(papers["other.crt"])])
        want("anybody" in fine(fake, verification_mode="none"), "no warning of mode none")
    with serving(papers, "nameless") as fake:
        refused(fake, "see ssl.", verification_mode="strict", **ca)
        fine(fake, verification_mode="certificate", **ca)
    with serving(papers) as fake:
        fine(fake, verification_mode="strict", **ca)
        fine(fake, enabled=True, verification_mode="full", **ca)


def case_fingerprints(papers):
    with serving(papers) as fake:
        mark = papers.fingerprint("ca.crt")
        fine(fake, ca_trusted_fingerprint=mark)
        fine(fake, ca_trusted_fingerprint=":".join(mark[i:i + 2] for i in range(0, 64, 2)).upper())
        refused(fake, "see ssl.", ca_trusted_fingerprint=papers.fingerprint("other.crt"))
        refused(fake, "see ssl.", ca_trusted_fingerprint=papers.fingerprint("server.crt"))
    with serving(papers, "elsewhere") as fake:
        refused(fake, "see ssl.", ca_trusted_fingerprint=papers.fingerprint("ca.crt"))


def case_pins(papers):
    ca = {"certificate_authorities": [str(papers["ca.crt"])]}
    with serving(papers) as fake:
        fine(fake, ca_sha256=[papers.pin("other.crt"), papers.pin("ca.crt")], **ca)
        fine(fake, ca_sha256=papers.pin("server.crt"), **ca)
        refused(fake, "see ssl.", ca_sha256=papers.pin("other.crt"), **ca)
        refused(fake, "see ssl.", ca_sha256=papers.pin("ca.crt"))  # a pin is no trust


def case_client_certificates(papers):
    ca = {"certificate_authorities": [str(papers["ca.crt"])]}
    mine = {"certificate": str(papers["client.crt"]), "key": str(papers["client.key"])}
    with serving(papers, demands=True) as fake:
        fine(fake, **ca, **mine)
        fine(fake, **ca, certificate=papers["client.crt"].read_text(),
             key=papers["client.key"].read_text())
        locked = {**mine, "key": str(papers["locked.key"])}
        fine(fake, **ca, **locked, key_passphrase="open sesame")
        refused(fake, "see ssl.certificate, ssl.key, ssl.key_passphrase", **ca, **locked,
                key_passphrase="wrong")
        refused(fake, "ssl.certificate", **ca)
        refused(fake, "certificate and key belong together", **ca,
                certificate=str(papers["client.crt"]))


def case_versions_and_suites(papers):
    ca = {"certificate_authorities": [str(papers["ca.crt"])]}
    with serving(papers, only=ssl.TLSVersion.TLSv1_2) as fake:
        fine(fake, **ca)
        fine(fake, supported_protocols=["TLSv1.2"], curve_types=["P-256", "X25519"],
             cipher_suites=["ECDHE-RSA-AES-256-GCM-SHA384"], **ca)
        refused(fake, "ssl.supported_protocols", supported_protocols=["TLSv1.3"], **ca)
        refused(fake, "cipher", cipher_suites=["ECDHE-NOTHING"], **ca)
        refused(fake, "", cipher_suites=["ECDHE-ECDSA-AES-128-GCM-SHA256"], **ca)
    with serving(papers, only=ssl.TLSVersion.TLSv1_3) as fake:
        fine(fake, cipher_suites=["TLS-AES-128-GCM-SHA256"], **ca)
        refused(fake, "", supported_protocols=["TLSv1.2"], **ca)


def case_plain_and_secret(papers):
    """Each spoken to in the other's language."""
    with serving(papers) as fake, elastic.served() as plain:
        fake.url = fake.url.replace("https", "http")
        refused(fake, "speak https")
        plain.url = plain.url.replace("http", "https")
        refused(plain, "does the server speak https")


def case_documents_over_tls(papers):
    ca = {"certificate_authorities": [str(papers["ca.crt"])],
          "certificate": str(papers["client.crt"]), "key": str(papers["client.key"])}
    names = [f"q{number:07}" for number in range(2000)]
    with elastic.place() as folder, serving(
            papers, demands=True, users=[fake_es.basic("u", "p")],
            faults={"none": 6, "reset_after": 1, "cut": 1}) as fake:
        elastic.write_capture(folder / "load.pcap", names)
        config = elastic.configuration(folder, [fake.url.replace("//", "//u:p@")],
                                       {"ssl": ca, "workers": 3, "bulk_max_size": 100,
                                        "document_id": "hash"})
        rows, log = elastic.run(folder, folder / "load.pcap", config)
        want("u:p@" not in log, "credentials in the log")
        main = next(iter(fake.record.documents))
        elastic.judge(names, fake.record, rows, main, True)


CASES = {name[5:]: case for name, case in list(globals().items()) if name.startswith("case_")}


def main(words):
    if not shutil.which("openssl"):
        print("SKIP: there is no openssl to make certificates with")
        return 77
    me = f"WEIR={probe.WEIR} python3 {os.path.abspath(__file__)}"
    with tempfile.TemporaryDirectory(prefix="weir-papers-") as folder:
        papers = Papers(folder)
        good = [elastic.attempt(name.replace("_", " "), lambda c=case: c(papers), f"{me} {name}")
                for name, case in CASES.items() if not words or name in words]
    print(f"{sum(good)} of {len(good)} hold")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
