package metrics

import "sync"

// kept has what was found once for a key: to look for a metric by its labels costs more than to count. Keys are as few as
// values of labels.
type kept[K comparable, V any] struct {
	mu    sync.RWMutex // guards found
	found map[K]V
}

// of is the value for the key, which find finds the first time.
func (k *kept[K, V]) of(key K, find func(K) V) V {
	k.mu.RLock()
	v, ok := k.found[key]
	k.mu.RUnlock()
	if ok {
		return v
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if v, ok = k.found[key]; ok {
		return v
	}
	if k.found == nil {
		k.found = make(map[K]V)
	}
	v = find(key)
	k.found[key] = v
	return v
}
