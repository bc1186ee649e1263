import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.opensearch.common.logging.LogConfigurator;
import org.opensearch.common.settings.Settings;
import org.opensearch.env.Environment;
import org.opensearch.index.mapper.MapperExtrasPlugin;
import org.opensearch.node.InternalSettingsPreparer;
import org.opensearch.node.Node;
import org.opensearch.transport.Netty4Plugin;

/**
 * One OpenSearch node in the foreground: {@code Launcher HOME MODULES KEY=VALUE...}. HOME holds config, plugins and
 * data; MODULES is not used, as the transport is on the class path. The server's own start script and its checks of the
 * machine are left out.
 */
public class Launcher extends Node {
  private Launcher(Environment env) {
    super(env, List.of(Netty4Plugin.class, MapperExtrasPlugin.class), false);
  }

  public static void main(String[] args) throws Exception {
    try {
      run(args);
    } catch (Throwable e) {
      e.printStackTrace();
      Runtime.getRuntime().halt(1); // the server's own threads would go on, as where a port is taken
    }
  }

  private static void run(String[] args) throws Exception {
    Path home = Path.of(args[0]);
    LogConfigurator.registerErrorListener();
    Settings.Builder settings = Settings.builder()
        .put("path.home", home.toString()).put("transport.type", "netty4").put("http.type", "netty4");
    for (int i = 2; i < args.length; i++) {
      int equals = args[i].indexOf('=');
      settings.put(args[i].substring(0, equals), args[i].substring(equals + 1));
    }
    var env = InternalSettingsPreparer.prepareEnvironment(settings.build(), Map.of(), home.resolve("config"), () -> "node");
    LogConfigurator.setNodeName("node");
    LogConfigurator.configure(env);
    Node node = new Launcher(env);
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      try {
        node.close();
      } catch (Exception e) {
        e.printStackTrace();
      }
    }));
    node.start();
    if (Boolean.getBoolean("belfry.once")) {
      System.exit(0);
    }
    Thread.currentThread().join();
  }
}
