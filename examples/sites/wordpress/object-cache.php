<?php
// WordPress reads this file in place of its own cache of one request. What is kept is kept in memcached, for all
// servers; a memcached that is away is a cache that is empty. WordPress itself adds the functions that are not here.

class WP_Object_Cache
{
    private $memcached;
    private $seen = array();
    private $own_groups = array();

    public function __construct()
    {
        global $memcached_servers;
        $this->memcached = new Memcached();
        $this->memcached->setOption(Memcached::OPT_BINARY_PROTOCOL, true);
        $this->memcached->setOption(Memcached::OPT_CONNECT_TIMEOUT, 200);
        $this->memcached->setOption(Memcached::OPT_LIBKETAMA_COMPATIBLE, true);
        $this->memcached->addServers(array_map(fn($address) => array($address, 11211), $memcached_servers));
    }

    public function forget_groups($groups)
    {
        $this->own_groups = array_merge($this->own_groups, (array) $groups);
    }

    private function key($key, $group)
    {
        // A hash, since memcached takes no blanks and at most 250 characters.
        return 'blog:' . md5(($group ?: 'default') . ':' . $key);
    }

    private function is_own($group)
    {
        return in_array($group ?: 'default', $this->own_groups, true);
    }

    public function get($key, $group, $force, &$found)
    {
        $name = $this->key($key, $group);
        $found = array_key_exists($name, $this->seen);
        if (!$this->is_own($group) && ($force || !$found)) {
            $value = $this->memcached->get($name);
            $found = $this->memcached->getResultCode() === Memcached::RES_SUCCESS;
            if ($found) {
                $this->seen[$name] = $value;
            }
        }
        $value = $found ? $this->seen[$name] : false;
        return is_object($value) ? clone $value : $value;
    }

    public function store($verb, $key, $value, $group, $expire)
    {
        $name = $this->key($key, $group);
        if ($this->is_own($group)) {
            $exists = array_key_exists($name, $this->seen);
            $stored = $verb === 'set' || ($verb === 'add') === !$exists;
        } else {
            $stored = $this->memcached->$verb($name, $value, (int) $expire);
            // Without memcached the value still holds for this request.
            $stored = $stored || ($verb === 'add' && !array_key_exists($name, $this->seen)
                && $this->memcached->getResultCode() !== Memcached::RES_NOTSTORED);
        }
        if ($stored) {
            $this->seen[$name] = is_object($value) ? clone $value : $value;
        }
        return $stored;
    }

    public function delete($key, $group)
    {
        $name = $this->key($key, $group);
        unset($this->seen[$name]);
        return $this->is_own($group) || $this->memcached->delete($name);
    }

    public function count($key, $offset, $group)
    {
        $found = false;
        $value = $this->get($key, $group, true, $found);
        if (!$found) {
            return false;
        }
        $value = max(0, (int) $value + $offset);
        $this->store('set', $key, $value, $group, 0);
        return $value;
    }

    public function flush()
    {
        $this->seen = array();
        return $this->memcached->flush();
    }
}

function wp_cache_init()
{
    $GLOBALS['wp_object_cache'] = new WP_Object_Cache();
}

function wp_cache_get($key, $group = '', $force = false, &$found = null)
{
    return $GLOBALS['wp_object_cache']->get($key, $group, $force, $found);
}

function wp_cache_set($key, $data, $group = '', $expire = 0)
{
    return $GLOBALS['wp_object_cache']->store('set', $key, $data, $group, $expire);
}

function wp_cache_add($key, $data, $group = '', $expire = 0)
{
    return !wp_suspend_cache_addition() && $GLOBALS['wp_object_cache']->store('add', $key, $data, $group, $expire);
}

function wp_cache_replace($key, $data, $group = '', $expire = 0)
{
    return $GLOBALS['wp_object_cache']->store('replace', $key, $data, $group, $expire);
}

function wp_cache_delete($key, $group = '')
{
    return $GLOBALS['wp_object_cache']->delete($key, $group);
}

function wp_cache_incr($key, $offset = 1, $group = '')
{
    return $GLOBALS['wp_object_cache']->count($key, $offset, $group);
}

function wp_cache_decr($key, $offset = 1, $group = '')
{
    return $GLOBALS['wp_object_cache']->count($key, -$offset, $group);
}

function wp_cache_flush()
{
    return $GLOBALS['wp_object_cache']->flush();
}

function wp_cache_close()
{
    return true;
}

function wp_cache_add_global_groups($groups)
{
    // One site uses these caches, so that every group is global.
}

function wp_cache_add_non_persistent_groups($groups)
{
    $GLOBALS['wp_object_cache']->forget_groups($groups);
}
