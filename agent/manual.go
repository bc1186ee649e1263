package main

import (
	"belfry/agent/config"
	"belfry/shared/cmdline"
)

// manual is what the manual page tells beside the commands.
func manual() *cmdline.Manual {
	return &cmdline.Manual{
		Version: "belfry-agent " + version,
		Section: 1,
		Description: []string{
			"Belfry-agent follows the logs of its host: files through every rotation, the journal of systemd, and syslog that others " +
				"send to it. It ships each line once, to a broker or over HTTPS to an aggregator.",
			"belfry-agent run is what the unit belfry-agent.service starts. It needs no root, but CAP_DAC_READ_SEARCH. The other " +
				"commands look at the configuration or ask the running agent; those that ask it are for root and the group belfry-agent.",
		},
		Environment: []cmdline.Item{{Name: "BELFRY_TOKEN", Text: "The token of enroll, which other users of the machine do not see there."}},
		Files: []cmdline.Item{
			{Name: config.Path, Text: "The configuration: belfry-agent.yaml(5)."},
			{Name: "/var/lib/belfry-agent", Text: "The state: how far each file is read, who this agent is, and what the relay keeps. " +
				"Without it all is sent again, under other ids."},
			{Name: "/var/lib/belfry-agent/certs", Text: "What enrolling has brought: key, certificate, authorities, and where to ship to."},
			{Name: "/var/lib/belfry-agent/agent.sock", Text: "Where the running agent is asked."},
			{Name: "/usr/share/belfry-agent", Text: "Drop-ins of the unit: relay.conf for ports below 1024, rotate.conf for who rotates."},
		},
		Exit: []cmdline.Item{
			{Name: "0", Text: "All is well."},
			{Name: "1", Text: "check --strict: there are warnings."},
			{Name: "2", Text: "An error; spool check: something is damaged."},
		},
		Examples: []cmdline.Item{
			{Name: "belfry-agent check", Text: "Says what is wrong with the configuration, and what is hardly meant."},
			{Name: "belfry-agent enroll --server https://logs.example.org:8443 --token TOKEN", Text: "Gets a certificate, by a token of belfry ca token."},
			{Name: "belfry-agent dry-run /var/log/auth.log --limit 20", Text: "Prints what would be sent; nothing is."},
			{Name: "belfry-agent status", Text: "Tells how far behind each file is, and why."},
			{Name: "belfry-agent status auth.log", Text: "Tells what a file was taken for, when and why."},
		},
		SeeAlso: []string{"belfry-agent.yaml(5)", "belfry(1)", "systemd.unit(5)", "journalctl(1)", "logrotate(8)"},
	}
}
