package parse

// formats lists the files that programs write themselves, without a header of syslog. Each scan looks at the beginning
// of a line; where it knows the format, it fills in the time, the text, and what else stands there, and names in
// h.format the label of the scanner that reads the text. Where it does not, it changes nothing.
var formats = []func(h *header, s string) bool{
	scanDocker,
	(*header).scanMonotonic,
	scanSlapdFile,
	scanDS389File,
	accessFormat,
	nginxFormat,
	apacheFormat,
	bindFile,
	scanAuditFile,
	scanOldOpenVPN,
	scanSudoObject,
}

// scanFile reads a line that has neither a priority nor a time of syslog. All of it is the message.
func (h *header) scanFile(s string) bool {
	var file header // on the heap, for nobody knows what a format does with it; h is not, so that other lines cost none
	for _, scan := range formats {
		if scan(&file, s) {
			*h = file
			if h.message == "" {
				h.message = s
			}
			return true
		}
	}
	return false
}
