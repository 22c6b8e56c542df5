# SPDX-License-Identifier: MIT
# What raindrops needs for a sample of all TCP listeners.
#
# usage: raindrops.rb SAMPLES   prints CPU microseconds (user + system) a sample, and listeners
require 'raindrops'

def cpu_us
  Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID, :float_microsecond)
end

samples = Integer(ARGV.fetch(0))
Raindrops::Linux.tcp_listener_stats
start = cpu_us
samples.times { Raindrops::Linux.tcp_listener_stats }
puts format('%.3f %d', (cpu_us - start) / samples, Raindrops::Linux.tcp_listener_stats.length)
