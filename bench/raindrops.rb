# SPDX-License-Identifier: MIT
# What raindrops needs to look at all TCP listeners.
#
# usage: raindrops.rb LOOKS   prints CPU microseconds (user + system) a look, and listeners
require 'raindrops'

def cpu_us
  Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID, :float_microsecond)
end

looks = Integer(ARGV.fetch(0))
Raindrops::Linux.tcp_listener_stats
start = cpu_us
looks.times { Raindrops::Linux.tcp_listener_stats }
puts format('%.3f %d', (cpu_us - start) / looks, Raindrops::Linux.tcp_listener_stats.length)
