# SPDX-License-Identifier: MIT
"""The language of the live tests. tests/support/netns starts a test script in network and pid namespaces of its own;
each subtest gets another network namespace with nothing but lo in it, and ends what it has started.

    from lb import *

    @test("a full queue reads fill 100")
    def _():
        fill(Listener(8080, backlog=5), 6)
        equal(Collectd().read()["8080"]["fill"], 100.0)

    main()

Each module uses only those listed before it here, and servers, stores, scene and traffic are imported by name."""
from .basics import (
    DEADLINE, PATH, SRCDIR, at_end, check, command, content, equal, evidence, mentions, note, scratch, source, until,
    write)
from .kernel import arrivals, netstat, nstat, ss, ss_unix, states, sysctl, totals
from .packets import Wire, syn
from .namespaces import (
    MS_BIND, MS_SHARED, Hidden, Namespace, libc, mount, network, new_network, nsids, open_network, private_run, set_nsid)
from .sockets import (
    Crowd, Listener, Service, UnixListener, UnixService, client, drop_syns, established, fill,
    has_mptcp, overflow, overflow_by_ack, reset)
from .programs import Process, Thread, proc, processes, threads, unprivileged
from .faults import Faults, unlimited
from .probe import (
    COUNTERS, GAUGES, INSPECTED, NAMESPACE, READINGS, UNIX_GAUGES, intervals, printed, probe, probe_output,
    probe_process, probe_run, tables, told)
from .messages import matches, message
from .collectd import PLUGIN, SHORTEST, VALGRIND, Collectd, Daemon, part, plugin_dir, queues
from .counters import agrees_with_kernel, counters, never_back, quiet, settled
from .subtests import Skip, main, test
