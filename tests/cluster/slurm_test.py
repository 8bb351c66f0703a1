"""Tests examples/slurm with a Slurm cluster of one node, which it starts on this computer.

munge, slurmctld and slurmd run in a folder of their own. They need no root, no service and no control groups, since
proctrack/linuxproc finds the processes of a job.

usage: slurm_test.py GATECRASH
"""

import json
import os
import pathlib
import pwd
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(sys.argv.pop(1)).resolve()
SUBMIT = ROOT / "examples" / "slurm" / "submit.sh"
PATIENCE = 600  # seconds
WORDS = ["explore", "nested-nmi/copied-frame", "--machine", "amd"]

CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SwitchType=switch/none
MpiDefault=none
MailProg=/bin/true
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES State=UP MaxTime=INFINITE
"""


def wait_until(what, holds):
    """Waits until `holds()` is true, and returns what it returned."""
    deadline = time.monotonic() + PATIENCE
    while not (value := holds()):
        if time.monotonic() > deadline:
            raise AssertionError(f"too long until {what}")
        time.sleep(0.1)
    return value


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Cluster:
    """The daemons of a cluster, and the environment in which its commands find it."""

    def __init__(self, folder):
        self.folder, self.daemons = folder, []
        for name in ("munge", "state", "spool"):
            (folder / name).mkdir(mode=0o700)
        host = socket.gethostname().split(".")[0]
        (folder / "slurm.conf").write_text(CONFIGURATION.format(
            folder=folder, host=host, user=pwd.getpwuid(os.getuid()).pw_name, ports=free_ports(2)))
        (folder / "munge" / "key").write_bytes(os.urandom(128))
        (folder / "munge" / "key").chmod(0o600)
        self.environment = {"PATH": f"{PROGRAM.parent}:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(folder),
                            "SLURM_CONF": str(folder / "slurm.conf")}
        for name in ("GATECRASH_CACHE", "GATECRASH_KERNEL", "GATECRASH_MODULES"):
            if name in os.environ:
                self.environment[name] = os.environ[name]

    def start(self):
        files = [f"--{name}-file={self.folder}/munge/{name}" for name in ("key", "log", "pid", "seed")]
        # --force: the folder of the test lies in one that everybody may write to.
        self.start_daemon("munged", "--foreground", "--force", f"--socket={self.folder}/munge/socket", *files)
        wait_until("munged is up", (self.folder / "munge" / "socket").exists)
        self.start_daemon("slurmctld", "-D")
        self.start_daemon("slurmd", "-D")
        wait_until("the node is idle", lambda: "idle" in self.run("sinfo", "--noheader", "--format=%T", check=False).stdout)

    def start_daemon(self, name, *arguments):
        with open(self.folder / f"{name}.log", "w") as log:
            self.daemons.append(subprocess.Popen([name, *arguments], env=self.environment, stdout=log, stderr=log))

    def run(self, *command, check=True, **environment):
        ran = subprocess.run([str(word) for word in command], env={**self.environment, **environment}, check=False,
                             capture_output=True, text=True, timeout=PATIENCE)
        if check and ran.returncode != 0:
            raise AssertionError(f"{command} ended with {ran.returncode}: {ran.stderr}")
        return ran

    def wait_for_jobs(self):
        """Waits until no job is left."""
        hurried = set()

        def all_ended():
            jobs = self.run("squeue", "--noheader", "--array", "--format=%A %T %r").stdout.split("\n")
            for job in set(jobs) - hurried:
                # A job that runs again begins after two minutes. Slurm needs some seconds to forget that it was killed.
                if job.endswith("PENDING BeginTime"):
                    self.run("scontrol", "update", f"JobId={job.split()[0]}", "StartTime=now+10", check=False)
                    hurried.add(job)
            return jobs == [""]

        wait_until("the jobs have ended", all_ended)

    def stop(self):
        self.run("scancel", "--me", check=False)
        for daemon in reversed(self.daemons):
            daemon.terminate()
            daemon.wait()


def sweep_of(shard):
    """Returns the process that sweeps `shard`, or None."""
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if words[0] == "gatecrash" and "--shard" in words and words[words.index("--shard") + 1] == shard:
            return int(folder.name)
    return None


def has_swept_some(progress):
    """True if the file of --resume has schedules to go on from."""
    try:
        workers = json.loads(progress.read_text())["workers"]
    except (OSError, ValueError):
        return False
    return any(worker["at"] and worker["at"]["checkpoint"]["result"]["schedules"] > 1 for worker in workers)


def results_of(path):
    """Returns the results of a document, without what differs from run to run."""
    document = json.loads(path.read_text())
    for result in document["results"]:
        del result["seconds"], result["spent"]
    return document


class Slurm(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)
        self.folder = pathlib.Path(self.temporary.name)
        (self.folder / "cluster").mkdir(mode=0o700)
        self.cluster = Cluster(self.folder / "cluster")
        self.addCleanup(self.cluster.stop)
        self.cluster.start()
        self.shared = self.folder / "shared"

    def submit(self, **environment):
        return self.cluster.run(SUBMIT, 3, self.shared, *WORDS, "--jobs", "1", **environment)

    def test_sweeps_all_although_tasks_are_killed_and_lost(self):
        whole = self.folder / "whole.json"
        self.cluster.run(PROGRAM, *WORDS, "--json", whole, check=False)

        array = self.submit().stdout.split()[1]
        # Slurm stops one task in the middle of its sweep, and something kills another one. Both run again. The third one is
        # lost before it begins.
        self.cluster.run("scancel", f"{array}_3")
        for shard in (1, 2):
            progress = self.shared / f"{shard}.progress"
            wait_until(f"shard {shard} has saved progress", lambda progress=progress: has_swept_some(progress))
        self.cluster.run("scontrol", "requeue", f"{array}_1")
        os.kill(sweep_of("2/3"), signal.SIGKILL)
        self.cluster.wait_for_jobs()
        log = (self.shared / "2.log").read_text()
        self.assertIn("shard 2 ended with exit code 137: once more", log)
        for shard in (1, 2):
            job = self.cluster.run("scontrol", "show", "job", f"{array}_{shard}").stdout
            self.assertIn("Restarts=1", job)

        report = (self.shared / "merge.log").read_text()
        self.assertIn("1 of 3 shards is missing", report)
        self.assertIn("SBATCH_ARRAY_INX=3 submit.sh", report)
        partial = json.loads((self.shared / "merged.json").read_text())
        self.assertEqual([missing["shard"] for missing in partial["partial"]["missing"]], ["3/3"])

        self.submit(SBATCH_ARRAY_INX="3")
        self.cluster.wait_for_jobs()
        self.assertEqual(results_of(self.shared / "merged.json"), results_of(whole))
        self.assertGreater(results_of(whole)["results"][0]["schedules"], 100)

    def test_says_how_to_use_it(self):
        for words in ([3], ["three", self.shared, "run"], [1, self.shared, "run"]):
            wrong = self.cluster.run(SUBMIT, *words, check=False)
            self.assertEqual(wrong.returncode, 2)
            self.assertIn("usage: submit.sh N FOLDER COMMAND", wrong.stderr)


if __name__ == "__main__":
    unittest.main()
