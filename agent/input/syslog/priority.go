package syslog

// The facilities of what is about who may do what.
const (
	Auth     = 4
	AuthPriv = 10
)

// PriorityOf returns the priority that a message begins with, NoPriority if it has none.
func PriorityOf(message []byte) int {
	size, _ := priority(message)
	if size == 0 {
		return NoPriority
	}
	value := 0
	for _, c := range message[1 : size-1] {
		value = value*10 + int(c-'0')
	}
	return value
}
