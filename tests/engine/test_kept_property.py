"""Properties that are worked out once."""

from threading import Barrier, Thread

from napari_emseg.engine.kept_property import kept_property


class Slow:
    """Has a property that is ready when that of another object is being worked out."""

    together = Barrier(2, timeout=5)

    @kept_property
    def value(self):
        """Count, so that working it out again is seen."""
        self.together.wait()
        self.times = getattr(self, "times", 0) + 1
        return self.times


def test_objects_do_not_wait_for_each_other():
    """A lock that they share is inherited, too, by a process that is forked."""
    pair = Slow(), Slow()
    threads = [Thread(target=lambda one=one: one.value) for one in pair]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [vars(one) for one in pair] == [{"times": 1, "value": 1}] * 2
    assert pair[0].value == 1
